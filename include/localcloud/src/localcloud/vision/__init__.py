"""Cloud Vision v1 ``images:annotate``: what can honestly be computed from the pixels."""
