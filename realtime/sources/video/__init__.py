"""Videos, demultiplexed and decoded by us: their own times, their own damage, their own end."""
