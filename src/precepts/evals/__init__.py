"""Every number that is reported, with its uncertainty: graders, tournaments, calibration, statistics."""
