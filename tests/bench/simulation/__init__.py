"""Policies of choice on one trace: engines are simulated, the Chooser is the real one."""
