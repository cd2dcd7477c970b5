"""Steps 3 to 6 in other processes: cells side by side, on this machine and on others."""
