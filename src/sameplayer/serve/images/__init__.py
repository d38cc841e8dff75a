"""Uploaded pictures: checked, and decoded in processes of their own."""
