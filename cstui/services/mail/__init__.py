"""Mails: written when something happens, kept in the outbox, handed over by the worker, sent again by agents."""
