"""Training on several ranks with the same bits as on one."""
