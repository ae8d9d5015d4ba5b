"""FHIR R4 stores as Cloud Healthcare API serves them below ``…/fhirStores/S/fhir``."""
