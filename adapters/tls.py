"""Trust in one certificate, named by its fingerprint.

NSX managers and vCenters ship with a certificate that nobody else signed, so a site file may pin it. The
check is made in the handshake of every connection, before a byte of a request (and with it the password) can
be sent on it.
"""

import hashlib
import ssl
from typing import Any


def pinned(fingerprint: str) -> ssl.SSLContext:
    """A context that trusts exactly the certificate with this SHA-256 fingerprint.

    Args:
        fingerprint: 64 hex digits in any case, with or without colons and a leading `sha256:`.

    Raises:
        ValueError: it is not a SHA-256 fingerprint.
    """
    digits = fingerprint.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) != hashlib.sha256().digest_size * 2 or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"{fingerprint!r} is not a SHA-256 fingerprint: expected 64 hex digits")
    context = _Pinned(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the fingerprint is the verification
    context.expected = digits
    return context


class _Pinned(ssl.SSLContext):
    """Completes no handshake with another certificate than the expected one."""

    expected = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Wrap, shake hands, compare."""
        kwargs["do_handshake_on_connect"] = True
        connection = super().wrap_socket(*args, **kwargs)
        shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
        if shown != self.expected:
            connection.close()
            raise ssl.SSLCertVerificationError(1, f"it is sha256:{shown}, pinned is sha256:{self.expected}")
        return connection

    def wrap_bio(self, *_args: Any, **_kwargs: Any) -> ssl.SSLObject:
        """Refused: there the handshake happens later, where it would pass unseen."""
        raise NotImplementedError("a pinned certificate needs a socket of its own")
