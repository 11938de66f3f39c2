@org.jspecify.annotations.NullMarked
package io.millwright.api;
