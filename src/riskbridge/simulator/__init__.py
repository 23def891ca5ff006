"""A Microsoft Defender for Endpoint tenant on localhost, over real HTTP.

For trying riskbridge without an account, and for testing it or any other client of that API. It shares nothing with the
product but its nouns and errors.
"""
