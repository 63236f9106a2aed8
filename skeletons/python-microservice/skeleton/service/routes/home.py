"""`GET /`: what runs here."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from service import NAME, TEAM

router = APIRouter(tags=["service"])


class Home(BaseModel):
    service: str
    team: str
    version: str


@router.get("/", operation_id="getHome", summary="What runs here")
async def home(request: Request) -> Home:
    return Home(service=NAME, team=TEAM, version=request.app.state.settings.version)
