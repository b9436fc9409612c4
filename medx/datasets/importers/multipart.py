"""The one part of a multipart answer (RFC 2046), as DICOMweb servers wrap an instance."""

from __future__ import annotations

from email.message import Message


def only_part(content_type: str, content: bytes) -> bytes:
    """Return what the first part of a multipart body holds; a body that is not multipart whole.

    Raises:
        ValueError: When it says that it is multipart and is not.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_maintype() != "multipart" or boundary is None:
        return content  # against the standard, some servers send the bare file
    marker = b"--" + boundary.encode()
    begins = content.find(b"\r\n\r\n", content.find(marker))
    ends = content.find(b"\r\n" + marker, begins + 2)
    if marker not in content or begins < 0 or ends < 0:
        raise ValueError("no part in a multipart answer")
    return content[begins + 4 : ends]
