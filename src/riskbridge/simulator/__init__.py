"""A Microsoft Defender for Endpoint tenant on localhost, over real HTTP: to try riskbridge without an account, and to test it.

It shares nothing with the product but its nouns and errors.
"""
