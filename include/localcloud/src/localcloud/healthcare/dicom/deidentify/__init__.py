"""De-identification of DICOM instances."""
