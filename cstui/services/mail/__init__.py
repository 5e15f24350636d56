"""Mails: written when something happens, kept in the outbox, handed over by the worker, and sent again by agents."""
