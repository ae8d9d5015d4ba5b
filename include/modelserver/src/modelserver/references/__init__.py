"""What an instance points to, read from where it is: DICOMweb and Cloud Storage."""
