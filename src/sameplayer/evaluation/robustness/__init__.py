"""Scores under corruption: how mAP and number reading fall as pictures get worse."""
