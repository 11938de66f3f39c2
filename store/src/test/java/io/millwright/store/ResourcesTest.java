package io.millwright.store;

class ResourcesTest extends ResourcesContract {}
