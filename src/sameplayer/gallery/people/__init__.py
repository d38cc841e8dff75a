"""Persons: enrolment, corrections, consent, and names that must not return."""
