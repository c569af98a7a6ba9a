"""Measuring: a throwaway installation, scripted customers, and what they find."""
