"""Cases of the last minutes: how they look, and how they are taken along."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Path, Request, Response, UploadFile
from fastapi.responses import HTMLResponse

from medx.case.page import Served, render_view
from medx.server.exporting import export_case, offers
from medx.server.routes.common import PROBLEMS, UPLOADING, described, server_of
from reportgen.strategies import STRATEGIES

_UNKNOWN = described(
    {
        404: (
            "No such case, or it was dropped.",
            "unknown case 'q3Vx'",
            "cases are dropped after a quarter of an hour: send the image again",
        )
    }
)
_LACKING = described(
    {
        501: (
            "The form needs packages that are not installed.",
            "'pdf' needs packages that are not installed",
            "pip install 'medx[clinical]'",
        )
    }
)
_FILE = {
    "description": "The file, to be saved.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}

router = APIRouter(tags=["case"], responses=_UNKNOWN)

CaseId = Annotated[str, Path(max_length=64)]


@router.get("/cases/{case_id}/view", response_class=HTMLResponse, responses=PROBLEMS)
async def view(request: Request, case_id: CaseId) -> HTMLResponse:
    """Return a case as a part of a page, with its pictures in it."""
    kept = server_of(request).kept.get(case_id)
    served = Served(
        strategies=list(STRATEGIES),
        exports=offers(kept.study),
        frame=kept.frame,
        frames=kept.frames,
    )
    part = await server_of(request).workers.run(render_view, kept.study, served)
    return HTMLResponse(part)


@router.post(
    "/cases/{case_id}/exports/{form}",
    response_class=Response,
    responses=UPLOADING | _LACKING | {200: _FILE},
)
async def export(
    request: Request,
    case_id: CaseId,
    form: Annotated[str, Path(max_length=32)],
    file: Annotated[
        UploadFile | None, File(description="The uploaded DICOM file, for DICOM forms.")
    ] = None,
) -> Response:
    """Return a case as pdf, fhir, dicom-sr, dicom-sc, dicom-pdf, html, md, case-json, case-html."""
    study = server_of(request).kept.get(case_id).study
    source = None if file is None else await file.read()
    made = await server_of(request).workers.run(export_case, study, form, source)
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return Response(made.content, media_type=made.media_type, headers=headers)
