"""What a study's findings look like as FHIR R4 resources; pure functions of findings and facts."""
