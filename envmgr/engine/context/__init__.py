"""What all work needs: services, organizations and repositories at run time, the data folder, leases."""
