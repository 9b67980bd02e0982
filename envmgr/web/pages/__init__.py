"""The page: what a browser is shown. Each module makes what one template draws, of records and of nothing else."""
