"""The REST addresses of what is published, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from indexapp.api.v1.backups import BackupViewSet, DrillViewSet, RestorationViewSet
from indexapp.api.v1.changes import ChangeViewSet
from indexapp.api.v1.copy_plans import CopyPlanViewSet, GivenUpViewSet
from indexapp.api.v1.files import FileViewSet
from indexapp.api.v1.indexes import IndexViewSet
from indexapp.api.v1.merges import MergeViewSet
from indexapp.api.v1.mirror_sites import MirrorSiteViewSet, SendingViewSet
from indexapp.api.v1.policies import PolicyExceptionViewSet, PolicyHoldViewSet, PolicyRuleViewSet
from indexapp.api.v1.prefetches import PrefetchItemViewSet, PrefetchViewSet
from indexapp.api.v1.prefixes import PrefixViewSet
from indexapp.api.v1.projects import ProjectViewSet
from indexapp.api.v1.promotions import HeirViewSet, PromotionViewSet
from indexapp.api.v1.quotas import IndexQuotaViewSet, TeamQuotaViewSet
from indexapp.api.v1.releases import ReleaseViewSet
from indexapp.api.v1.replica_limits import HoldingViewSet, LimitViewSet
from indexapp.api.v1.replication import FollowingViewSet, ReplicaViewSet, StandingViewSet, WantedViewSet
from indexapp.api.v1.rights import RightsViewSet
from indexapp.api.v1.roles import RoleViewSet
from indexapp.api.v1.trash import TrashViewSet
from indexapp.api.v1.upstreams import MirroredViewSet, UpstreamViewSet
from indexapp.api.v1.vulnerabilities import AdvisoryImportViewSet, AdvisoryViewSet, ExposedViewSet

_LIST = {"get": "list"}
_ROWS = {"get": "list", "post": "create"}
_ROW = {"get": "retrieve", "delete": "destroy"}
_INDEX = "indexes/<str:index>/"
_PROJECT = f"{_INDEX}projects/<str:project>/"
_RELEASE = f"{_PROJECT}releases/<str:version>/"


def _files(below: str, name: str) -> list[URLPattern]:
    """The addresses of files, which stand below a project and below a release."""
    file = f"{below}files/<str:filename>/"
    return [
        path(f"{below}files/", FileViewSet.at(**_LIST), name=f"{name}-files"),
        path(file, FileViewSet.at(**_ROW), name=f"{name}-file"),
        path(f"{file}yank/", FileViewSet.at(post="yank"), name=f"{name}-file-yank"),
        path(f"{file}unyank/", FileViewSet.at(post="unyank"), name=f"{name}-file-unyank"),
    ]


urlpatterns = [
    path("indexes/", IndexViewSet.at(**_ROWS), name="indexes"),
    path(_INDEX, IndexViewSet.at(**_ROW, patch="partial_update"), name="index"),
    path(f"{_INDEX}make-default/", IndexViewSet.at(post="make_default"), name="index-make-default"),
    path(f"{_INDEX}quota/", IndexQuotaViewSet.at(get="retrieve", patch="partial_update"), name="index-quota"),
    path(f"{_INDEX}upstream/", UpstreamViewSet.at(get="retrieve", patch="partial_update"), name="index-upstream"),
    path(f"{_INDEX}upstream/test/", UpstreamViewSet.at(post="test"), name="index-upstream-test"),
    path(f"{_INDEX}merges/", MergeViewSet.at(**_ROWS), name="merges"),
    path(f"{_INDEX}merges/<str:name>/", MergeViewSet.at(**_ROW), name="merge"),
    path("teams/<str:team>/quota/", TeamQuotaViewSet.at(get="retrieve", patch="partial_update"), name="team-quota"),
    path(f"{_INDEX}sending/", SendingViewSet.at(get="retrieve", patch="partial_update"), name="index-sending"),
    path(f"{_INDEX}trash/", TrashViewSet.at(**_LIST), name="trash"),
    path(f"{_INDEX}trash/<int:id>/", TrashViewSet.at(get="retrieve"), name="trash-entry"),
    *(
        path(f"{_INDEX}trash/<int:id>/{action}/", TrashViewSet.at(post=action), name=f"trash-entry-{action}")
        for action in ("restore", "purge")
    ),
    path(f"{_INDEX}prefetches/", PrefetchViewSet.at(**_ROWS), name="prefetches"),
    path(f"{_INDEX}prefetches/<int:id>/", PrefetchViewSet.at(get="retrieve"), name="prefetch"),
    path(f"{_INDEX}prefetches/<int:id>/cancel/", PrefetchViewSet.at(post="cancel"), name="prefetch-cancel"),
    path(f"{_INDEX}prefetches/<int:id>/items/", PrefetchItemViewSet.at(**_LIST), name="prefetch-items"),
    path(f"{_INDEX}copy-plan/", CopyPlanViewSet.at(get="retrieve", patch="partial_update"), name="copy-plan"),
    path(f"{_INDEX}copy-plan/given-up/", GivenUpViewSet.at(**_LIST), name="copy-plan-given-up"),
    path(f"{_INDEX}projects/", ProjectViewSet.at(**_ROWS), name="projects"),
    path(_PROJECT, ProjectViewSet.at(**_ROW), name="project"),
    *(
        path(f"{_PROJECT}{action}/", ProjectViewSet.at(post=action), name=f"project-{action}")
        for action in ("archive", "deprecate", "quarantine", "clear")
    ),
    path(f"{_PROJECT}refresh/", MirroredViewSet.at(post="refresh"), name="project-refresh"),
    path(
        f"{_PROJECT}files/<str:filename>/keep-ours/",
        MirroredViewSet.at(post="keep_ours"),
        name="project-file-keep-ours",
    ),
    path(
        f"{_PROJECT}files/<str:filename>/take-theirs/",
        MirroredViewSet.at(post="take_theirs"),
        name="project-file-take-theirs",
    ),
    path(f"{_PROJECT}assign/", ProjectViewSet.at(post="assign"), name="project-assign"),
    path(f"{_PROJECT}releases/", ReleaseViewSet.at(**_LIST), name="releases"),
    path(_RELEASE, ReleaseViewSet.at(**_ROW), name="release"),
    *(
        path(f"{_RELEASE}{action}/", ReleaseViewSet.at(post=action), name=f"release-{action}")
        for action in ("yank", "unyank")
    ),
    *_files(_PROJECT, "project"),
    *_files(_RELEASE, "release"),
    path("roles/", RoleViewSet.at(**_ROWS), name="roles"),
    path("roles/<int:id>/", RoleViewSet.at(**_ROW), name="role"),
    path("rights/", RightsViewSet.at(get="retrieve"), name="rights"),
    path("prefixes/", PrefixViewSet.at(**_ROWS), name="prefixes"),
    path("prefixes/<int:id>/", PrefixViewSet.at(**_ROW), name="prefix"),
    path("policy-rules/", PolicyRuleViewSet.at(**_ROWS), name="policy-rules"),
    path("policy-rules/dry-run/", PolicyRuleViewSet.at(post="dry_run"), name="policy-rules-dry-run"),
    path("policy-rules/<int:id>/", PolicyRuleViewSet.at(**_ROW, patch="partial_update"), name="policy-rule"),
    path("policy-rules/<int:id>/move/", PolicyRuleViewSet.at(post="move"), name="policy-rule-move"),
    path("policy-exceptions/", PolicyExceptionViewSet.at(**_ROWS), name="policy-exceptions"),
    path("policy-exceptions/break-glass/", PolicyExceptionViewSet.at(post="break_glass"), name="policy-break-glass"),
    path("policy-exceptions/<int:id>/", PolicyExceptionViewSet.at(get="retrieve"), name="policy-exception"),
    path(
        "policy-exceptions/<int:id>/revoke/", PolicyExceptionViewSet.at(post="revoke"), name="policy-exception-revoke"
    ),
    path("policy-holds/", PolicyHoldViewSet.at(**_LIST), name="policy-holds"),
    path("policy-holds/<int:id>/", PolicyHoldViewSet.at(get="retrieve"), name="policy-hold"),
    *(
        path(f"policy-holds/<int:id>/{action}/", PolicyHoldViewSet.at(post=action), name=f"policy-hold-{action}")
        for action in ("approve", "reject")
    ),
    path("mirror-sites/", MirrorSiteViewSet.at(**_ROWS), name="mirror-sites"),
    path("mirror-sites/<str:site>/", MirrorSiteViewSet.at(**_ROW, patch="partial_update"), name="mirror-site"),
    path("mirror-sites/<str:site>/take-out/", MirrorSiteViewSet.at(post="take_out"), name="mirror-site-take-out"),
    path("mirror-sites/<str:site>/put-back/", MirrorSiteViewSet.at(post="put_back"), name="mirror-site-put-back"),
    path("backups/", BackupViewSet.at(**_ROWS), name="backups"),
    path("drills/", DrillViewSet.at(**_LIST), name="drills"),
    path("drills/<int:id>/", DrillViewSet.at(get="retrieve"), name="drill"),
    path("restorations/", RestorationViewSet.at(**_LIST), name="restorations"),
    path("vulnerabilities/", AdvisoryViewSet.at(**_LIST), name="advisories"),
    path("vulnerabilities/exposed/", ExposedViewSet.at(**_LIST), name="exposed"),
    path("vulnerabilities/imports/", AdvisoryImportViewSet.at(**_LIST), name="advisory-imports"),
    path("vulnerabilities/<str:advisory>/", AdvisoryViewSet.at(get="retrieve"), name="advisory"),
    path("replication/standing/", StandingViewSet.at(get="retrieve"), name="replication-standing"),
    path("replication/replicas/", ReplicaViewSet.at(**_ROWS), name="replication-replicas"),
    path("replication/replicas/<str:replica>/", ReplicaViewSet.at(**_ROW), name="replication-replica"),
    path(
        "replication/replicas/<str:replica>/revoke/",
        ReplicaViewSet.at(post="revoke"),
        name="replication-replica-revoke",
    ),
    *(
        path(f"replication/replicas/<str:replica>/{act}/", HeirViewSet.at(post=act), name=f"replication-replica-{act}")
        for act in ("appoint", "dismiss")
    ),
    path(
        "replication/following/promote/",
        PromotionViewSet.at(get="retrieve", post="promote"),
        name="replication-promote",
    ),
    path(
        "replication/following/holding/",
        HoldingViewSet.at(get="retrieve", put="update", delete="destroy"),
        name="replication-holding",
    ),
    path(
        "replication/following/holding/preview/", HoldingViewSet.at(post="preview"), name="replication-holding-preview"
    ),
    path(
        "replication/following/limits/",
        LimitViewSet.at(get="retrieve", put="update", delete="destroy"),
        name="replication-limits",
    ),
    path("replication/wanted/", WantedViewSet.at(**_LIST), name="replication-wanted"),
    *(
        path(f"replication/following/{act}/", FollowingViewSet.at(post=act), name=f"replication-{act}")
        for act in ("join", "pause", "resume", "leave")
    ),
    path("changes/", ChangeViewSet.at(**_LIST), name="changes"),
]
