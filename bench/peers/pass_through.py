"""A gateway that hands everything on, holding each answer in memory: uvicorn bench.peers.pass_through:app."""

import os

import httpx
from fastapi import FastAPI, Request, Response

app = FastAPI()
client = httpx.AsyncClient(timeout=300)


@app.post("/v1/images/generations")
async def forward(request: Request) -> Response:
    """Send the request on, and the answer back."""
    headers = {"Authorization": request.headers["authorization"], "Content-Type": "application/json"}
    url = f"{os.environ['UPSTREAM']}/images/generations"
    answer = await client.post(url, content=await request.body(), headers=headers)
    return Response(answer.content, answer.status_code, media_type="application/json")
