"""The application: all routes, with what stands in front of them."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from envmgr import __version__
from envmgr.commands.runtime import Runtime

from .api.document import described
from .api.paging import answer
from .api.routes import ROUTES
from .api.standing import Standing
from .bodiless import Bodiless
from .door import Door
from .headers import Headers
from .limits import Limits
from .metrics.route import router as metrics
from .metrics.scrape import Scrapes
from .pages.routes import changes, docs, environments, files, heads, hosts, others, runs, streams, tokens
from .pages.routes.answer import tell_pages
from .problems import tell_problems
from .rate import Known
from .sign_in import routes as sign_in
from .sign_in.proxy import by_proxy
from .webhooks.body import Held
from .webhooks.hints import Hints
from .webhooks.route import router as webhooks
from .webhooks.secrets import Secrets

PAGES = (files, sign_in, environments, changes, heads, runs, streams, others, hosts, tokens, docs)
"""What the page is made of."""

ABOUT = """\
Environments, runs and events of this envmgr, and all that may be asked of it. Lists are paged: pass `next` of an answer
as `after`. What is asked for is written down as a request and done by the daemon; `GET /api/v1/requests/{id}` follows it.
Failures are problem documents (RFC 9457) whose `detail` is a sentence."""

DOCUMENT = "/api/v1/openapi.json"


def create_app(runtime: Runtime) -> FastAPI:
    """The application over a runtime. `app.state.door.runtime` may be replaced while it runs."""
    app = FastAPI(
        title="envmgr",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.door = Door(runtime)
    app.state.known = Known()
    app.state.standing = Standing()
    app.state.hints, app.state.hook_secrets, app.state.held = Hints(app.state.door.hint), Secrets(), Held()
    app.state.scrapes = Scrapes(app.state.hints.counts)
    app.state.sign_ins = [by_proxy]  # of `identity.SignIn`
    tell_problems(app)
    tell_pages(app)
    app.add_middleware(Bodiless)
    app.add_middleware(Limits)
    app.add_middleware(Headers)  # outermost: refusals have them, too
    # As they are: of routers that are included, each looks through all of its own for each request once more.
    app.router.routes.extend(ROUTES)
    app.add_api_route(DOCUMENT, document, include_in_schema=False)
    for router in (metrics, webhooks, *(each.router for each in PAGES)):
        app.router.routes.extend(router.routes)
    return app


def document(request: Request) -> Response:
    """The OpenAPI document: it holds nothing that is not in the documentation anyway."""
    return answer(request, described(request.app))
