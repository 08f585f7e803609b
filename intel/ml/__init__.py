"""What can be learnt from behaviour? Features, roles and their calibration."""
