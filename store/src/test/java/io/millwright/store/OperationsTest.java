package io.millwright.store;

class OperationsTest extends OperationsContract {}
