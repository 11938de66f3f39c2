package io.millwright.api;

import java.util.List;

/** What can be done with a resource, allowed or not. */
record ActionsView(List<ActionView> items) {}
