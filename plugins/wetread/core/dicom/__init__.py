"""The DICOM objects that Wetread writes, and how it recognises them."""
