"""Microsoft Defender for Endpoint: tokens, paging, decoding, and the test of a connection."""
