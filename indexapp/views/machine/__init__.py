"""The addresses that installers read.

They are answered by plain functions from :class:`.messages.Question` to :class:`.messages.Reply`, which know neither Django's
request nor WSGI; :mod:`.wsgi` asks them in front of Django, because a warm page costs less than Django's request cycle,
and :mod:`.django_views` asks the same functions as ordinary views.
"""
