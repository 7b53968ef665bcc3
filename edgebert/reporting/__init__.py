"""Charts and pages of results, drawn on the build machine (extra `report`)."""
