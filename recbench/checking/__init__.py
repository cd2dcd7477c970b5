"""Outside the flow: check plugins against the rules that they must keep."""
