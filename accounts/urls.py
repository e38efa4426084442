"""A person's own account."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from accounts.views import profile, sign_in, theme, tokens

app_name = "account"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account:profile")),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("profile/", profile.profile, name="profile"),
    path("password/", profile.password, name="password"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.token_new, name="token-new"),
    path("tokens/<slug:key_id>/rotate/", tokens.token_rotate, name="token-rotate"),
    path("tokens/<slug:key_id>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("theme/", theme.theme, name="theme"),
]
