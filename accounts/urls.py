"""A person's own account."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from accounts.views import confirm, profile, security, sessions, sign_in, theme, tokens

app_name = "account"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account:profile")),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-in/code/", sign_in.SignInCode.as_view(), name="sign-in-code"),
    path("sign-in/enrol/", sign_in.SignInEnrol.as_view(), name="sign-in-enrol"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("profile/", profile.profile, name="profile"),
    path("password/", profile.password, name="password"),
    path("confirm/", confirm.confirm, name="confirm"),
    path("security/", security.security, name="security"),
    path("security/authenticator/", security.authenticator, name="authenticator"),
    path("security/authenticator/new/", security.authenticator_new, name="authenticator-new"),
    path("security/authenticator/remove/", security.authenticator_remove, name="authenticator-remove"),
    path("security/recovery-codes/", security.recovery_codes, name="recovery-codes"),
    path("sessions/", sessions.session_list, name="sessions"),
    path("sessions/others/end/", sessions.sessions_end_others, name="sessions-end-others"),
    path("sessions/<int:number>/end/", sessions.session_end, name="session-end"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.token_new, name="token-new"),
    path("tokens/<slug:key_id>/rotate/", tokens.token_rotate, name="token-rotate"),
    path("tokens/<slug:key_id>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("theme/", theme.theme, name="theme"),
]
