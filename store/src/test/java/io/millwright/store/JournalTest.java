package io.millwright.store;

class JournalTest extends JournalContract {}
