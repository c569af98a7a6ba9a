"""The front door: customers and agents reach Aftercare here, and nowhere else."""
