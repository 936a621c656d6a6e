"""ministack, and what ECR does besides: tags that can't be moved, exceptions from that, and tokens of an account.

`scripts/testbed` starts it. "Preventing image tags from being overwritten in Amazon ECR" (ECR User Guide): an
image tag that exists can't be written again, the same image included, unless an exclusion filter matches it.
"""

import base64
import binascii
import fnmatch
import re

from ministack.app import app
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import ecr

FILTERS = "imageTagMutabilityExclusionFilters"

create_repository = ecr._create_repository
put_image_tag_mutability = ecr._put_image_tag_mutability
repo_shape = ecr._repo_shape
put_manifest = ecr._v2_put_manifest
get_authorization_token = ecr._get_authorization_token
select_scope = ecr._select_registry_request_scope

# The host of a real registry says its account and region. On the bed all have one host, so the token says those of
# whoever asked for it.
TOKEN = re.compile(r"AWS:(\d{12})\.([a-z0-9-]+)")


def problem(data):
    filters = data.get(FILTERS) or []
    if bool(filters) != data.get("imageTagMutability", "MUTABLE").endswith("_WITH_EXCLUSION"):
        return "exclusion filters belong to a mutability with exclusion"
    if len(filters) > 5:
        return "at most five exclusion filters"
    return None


def keeping_filters(answer, data):
    repository = ecr._repositories.get(data.get("repositoryName", ""))
    if answer[0] == 200 and repository is not None:
        repository[FILTERS] = data.get(FILTERS) or []
    return answer


def checked(call):
    def checking(data):
        reason = problem(data)
        if reason is not None:
            return ecr.error_response_json("InvalidParameterException", reason, 400)
        return keeping_filters(call(data), data)

    return checking


def shape(repository):
    return {**repo_shape(repository), FILTERS: repository.get(FILTERS, [])}


def put(name, ref, headers, body):
    repository = ecr._repositories.get(name) or {}
    is_there = any(ref in image.get("imageTags", []) for image in ecr._images.get(name, []))
    is_excluded = any(fnmatch.fnmatchcase(ref, it["filter"]) for it in repository.get(FILTERS, []))
    is_immutable = repository.get("imageTagMutability", "MUTABLE").startswith("IMMUTABLE")
    if is_there and is_immutable != is_excluded:
        message = f"The image tag '{ref}' already exists and cannot be overwritten"
        return ecr._registry_error(400, "TAG_INVALID", message, {"tag": ref})
    return put_manifest(name, ref, headers, body)


def token(data):
    status, headers, body = get_authorization_token(data)
    anybody = base64.b64encode(b"AWS:ministack-auth-token")
    text = base64.b64encode(f"AWS:{get_account_id()}.{get_region()}".encode())
    return status, headers, body.replace(anybody, text)


def scope_of_token(name, headers, query_params):
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    try:
        match = TOKEN.fullmatch(base64.b64decode(shown).decode()) if scheme == "Basic" else None
    except (binascii.Error, UnicodeDecodeError):
        match = None
    if match is None:
        return select_scope(name, headers, query_params)
    set_request_account_id(match[1])
    return set_request_region(match[2])


ecr._get_authorization_token = token
ecr._select_registry_request_scope = scope_of_token
ecr._create_repository = checked(create_repository)
ecr._put_image_tag_mutability = checked(put_image_tag_mutability)
ecr._repo_shape = shape
ecr._v2_put_manifest = put

__all__ = ["app"]
