"""What all that upload a folder of a checkout share: its files, the step's time, how it ends."""
