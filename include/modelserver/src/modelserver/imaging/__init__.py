"""DICOM objects and pictures as arrays whose voxels have a place in the patient."""
