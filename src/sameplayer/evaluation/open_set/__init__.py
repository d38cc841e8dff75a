"""Scores of open-set identification: TPIR at FPIR, and calibration."""
