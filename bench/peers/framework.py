"""FastAPI behind Mangum: the common way to serve an API from Lambda, here without anything to do."""

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    """What a caller asks for."""

    prompt: str
    model: str = ""
    size: str = ""
    quality: str = ""
    n: int = 1


@app.post("/images/generations", status_code=202)
def create(order: Order) -> Order:
    """Accept an order, and forget it."""
    return order


handler = Mangum(app, lifespan="off")
