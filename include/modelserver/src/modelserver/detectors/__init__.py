"""Pre- and post-processing of each model: an image or a volume in, detections out."""
