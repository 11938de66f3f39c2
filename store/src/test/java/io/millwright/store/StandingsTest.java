package io.millwright.store;

class StandingsTest extends StandingsContract {}
