package io.millwright.store;

class SmallPortsTest extends SmallPortsContract {}
