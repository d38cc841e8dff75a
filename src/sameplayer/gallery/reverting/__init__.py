"""Undo: what a change touched, and what stands in the way of taking it back."""
