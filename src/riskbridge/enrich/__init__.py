"""What is known of each CVE, put together from Defender's catalogue and the feeds, each claim with its source. Pure."""
