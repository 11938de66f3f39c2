package io.millwright.driver.vsphere;

/** A managed object of vSphere's, such as {@code VirtualMachine vm-42}. */
record Ref(String type, String value) {
  Element as(String name) {
    return new Element(name).ref(type).holding(value);
  }

  @Override
  public String toString() {
    return type + " " + value;
  }
}
