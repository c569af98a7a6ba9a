"""Our parts of Rasa: the one way in, strict action calls, the tracker store, two NLU components.

The only Python of this project that runs inside Rasa's process, in the Rasa environment
(Python 3.10). It imports nothing of the other rooms, and they import nothing of it.
"""
