/**
 * What people and pipelines ask for, each request a class of its own: it is admitted, and becomes
 * declarations and operations in one transaction. Nothing outside is touched here.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.request;
