"""Cloud Healthcare API v1: datasets, DICOM stores with DICOMweb, and FHIR stores."""
