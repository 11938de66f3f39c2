package io.millwright.store;

class WorkLoopTest extends WorkLoopContract {}
