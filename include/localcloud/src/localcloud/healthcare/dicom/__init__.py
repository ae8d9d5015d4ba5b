"""A DICOM store: parse, index, search, retrieve, render, import and notify."""
